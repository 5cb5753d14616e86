// SPDX-License-Identifier: Apache-2.0
// The one translation unit that compiles Boost.Asio and Boost.Beast (see CMakeLists.txt).
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
