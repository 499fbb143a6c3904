#include "gna/backend/os_backend.h"
