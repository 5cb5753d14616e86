// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/system/result.hpp>

#include <string>

namespace reseat {

/// What kind of failure this is; `exit_status()` turns it into the process's status.
enum class ErrorCode {
    failed,          ///< something went wrong at run time
    usage,           ///< the caller asked for something that makes no sense
    invalid_config,  ///< the configuration is wrong
    unsupported,     ///< the kernel, a capability or a mount lacks something
};

/// One failure, reported once: what, where, and what to do. Each layer may put its context in front.
struct Error {
    ErrorCode code = ErrorCode::failed;
    std::string message;

    /// This error with "context: " in front of its message.
    Error in(std::string_view context) const;
};

/// An error from errno: "what: strerror(number)".
Error system_error(std::string_view what, int number, ErrorCode code = ErrorCode::failed);

/// 1 failed, 2 usage, 3 invalid configuration, 4 unsupported.
int exit_status(ErrorCode code);

template <class T>
using Result = boost::system::result<T, Error>;

/// What Result<T>::value() throws when there is no value: a programming fault or a failed start.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

}  // namespace reseat
