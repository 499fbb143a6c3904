#include "gna/desired/state.h"
