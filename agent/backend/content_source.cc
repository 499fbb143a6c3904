#include "gna/backend/content_source.h"
