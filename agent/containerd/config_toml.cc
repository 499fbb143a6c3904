#include "agent/containerd/config_toml.h"
