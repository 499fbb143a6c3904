#include "gna/osc/osc.h"
