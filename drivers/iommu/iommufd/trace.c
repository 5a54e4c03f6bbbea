// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracepoints, which the files above hit at the end of a call.
 */
#define CREATE_TRACE_POINTS
#include "trace.h"
