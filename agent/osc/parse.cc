#include "gna/osc/parse.h"
