#include "gna/observed/state.h"
