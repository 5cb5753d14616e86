// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"

#include <cstring>
#include <stdexcept>

namespace reseat {

Error Error::in(std::string_view context) const {
    return {code, std::string(context) + ": " + message};
}

Error system_error(std::string_view what, int number, ErrorCode code) {
    return {code, std::string(what) + ": " + std::strerror(number)};
}

int exit_status(ErrorCode code) {
    switch (code) {
        case ErrorCode::failed:
            return 1;
        case ErrorCode::usage:
            return 2;
        case ErrorCode::invalid_config:
            return 3;
        case ErrorCode::unsupported:
            return 4;
    }
    return 1;
}

void throw_exception_from_error(const Error& error, const boost::source_location&) {
    throw std::runtime_error(error.message);
}

}  // namespace reseat
