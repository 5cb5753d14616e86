// SPDX-License-Identifier: Apache-2.0
#pragma once

// c-ares 1.34 warns of functions whose successors 1.18 does not have.
#define CARES_NO_DEPRECATED
#include <ares.h>
