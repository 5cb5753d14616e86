// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/probe/connection.hpp"

#include <memory>
#include <string>

struct bio_st;
struct ssl_st;

namespace reseat::lb {

/// TLS over another connection. OpenSSL sees memory only, so that every byte of the wire is counted: what a
/// peer may make reseat read for a handshake and for an answer is bounded.
class TlsConnection final : public Connection {
public:
    TlsConnection(std::unique_ptr<Connection> below, const Dial& dial, Progress& progress);
    ~TlsConnection() override;

    /// Call first. Verifies the peer as the context says.
    Task<error_code> shake_hands();
    /// What ALPN came to.
    bool speaks_h2() const;

    Task<Read> read_some(std::span<char> into) override;
    Task<error_code> write(std::string_view all) override;
    ProbeResult failure(const error_code& error, std::string_view what) const override;

private:
    struct Free {
        void operator()(ssl_st* tls) const;
    };

    template <class Step>
    Task<error_code> run(Step step);
    Task<error_code> flush();
    Task<error_code> fetch();
    error_code refuse(int reason);

    std::unique_ptr<Connection> below_;
    Progress& progress_;
    bool endless_ = false;
    bool shaken_ = false;  ///< hands
    std::unique_ptr<ssl_st, Free> tls_;
    bio_st* arrived_ = nullptr;  ///< of tls_
    bio_st* leaving_ = nullptr;  ///< of tls_
    std::size_t read_ = 0;       ///< bytes of the wire
    std::string why_;            ///< of the failure that is not the wire's
};

}  // namespace reseat::lb
