// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace reseat::lb::test {

struct Credentials {
    std::string certificate, key;  ///< PEM
};

/// An authority of the test's own.
class Authority {
public:
    Authority();

    const std::string& certificate() const { return own_.certificate; }
    /// `names`: as OpenSSL writes subjectAltName, "DNS:web.test,IP:127.0.0.1". `days`: from now on; negative:
    /// it has expired.
    Credentials issue(const std::string& names, int days = 1) const;

private:
    Credentials own_;
};

}  // namespace reseat::lb::test
