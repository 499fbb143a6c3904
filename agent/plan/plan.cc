#include "gna/plan/plan.h"
