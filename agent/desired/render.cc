#include "gna/desired/render.h"
