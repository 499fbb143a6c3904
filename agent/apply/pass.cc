#include "gna/apply/pass.h"
