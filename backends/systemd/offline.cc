#include "backends/systemd/unit_manager.h"
