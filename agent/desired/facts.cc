#include "gna/desired/facts.h"
