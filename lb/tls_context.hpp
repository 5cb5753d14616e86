// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"

#include <memory>
#include <string>

struct ssl_ctx_st;

namespace reseat::lb {

/// The CAs and the client certificate that the checks of a service use over TLS. Made once for each
/// service, by the reader of the files; shared by its probes. TLS 1.2 or newer.
class TlsContext {
public:
    /// `verify`: whether the peer's certificate is verified. Throws std::bad_alloc.
    explicit TlsContext(bool verify);
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;

    // All take PEM text; an error says what is wrong with it, without naming a file.
    Result<void> trust(const std::string& authorities);
    Result<void> trust_system();                           ///< the authorities that this machine trusts
    Result<void> present(const std::string& certificate);  ///< and the chain to its authority, if it follows
    Result<void> unlock(const std::string& key);           ///< of that certificate; without a passphrase

    ssl_ctx_st* native() const { return native_.get(); }

    /// True if both were made from the same.
    bool operator==(const TlsContext& other) const { return made_from_ == other.made_from_; }

private:
    struct Free {
        void operator()(ssl_ctx_st* context) const;
    };
    std::unique_ptr<ssl_ctx_st, Free> native_;
    std::string made_from_;
};

/// How a check speaks TLS, if it does.
struct TlsCheck {
    std::string server_name;                    ///< for SNI and in the certificate; empty: see ServerNames
    std::shared_ptr<const TlsContext> context;  ///< null: no TLS

    // What `context` was made from, for people.
    std::string ca_file, cert_file, key_file;  ///< empty: not given
    bool insecure_skip_verify = false;

    bool operator==(const TlsCheck& other) const {
        const bool same =
            context == other.context || (context && other.context && *context == *other.context);
        return same && server_name == other.server_name;
    }
};

/// The oldest reason in OpenSSL's queue of this thread, in its words; empties the queue.
std::string take_tls_error();

}  // namespace reseat::lb
