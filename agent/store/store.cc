#include "gna/store/store.h"
