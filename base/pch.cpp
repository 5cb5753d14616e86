// SPDX-License-Identifier: Apache-2.0
// The one translation unit that precompiles pch.hpp (see CMakeLists.txt).
