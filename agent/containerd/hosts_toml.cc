#include "agent/containerd/hosts_toml.h"
