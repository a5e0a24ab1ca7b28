#include "bigmac/report/outcome.h"
