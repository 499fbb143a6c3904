#include "gna/plan/changes.h"
