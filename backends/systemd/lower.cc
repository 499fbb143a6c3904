#include "gna/systemd/backend.h"
