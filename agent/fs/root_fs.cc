#include "agent/fs/root_fs.h"
