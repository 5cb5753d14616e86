// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "proxy/instance/listener.hpp"

#include <boost/asio/local/stream_protocol.hpp>

#include <optional>
#include <string>

#include <sys/types.h>

namespace reseat::proxy {

/// The Unix socket that an instance listens on: mode 0600, missing directories are made with mode 0700. The
/// file, and the directory if we made it, are removed when this object is destroyed.
class AdminSocket final : public Listener {
public:
    using Protocol = asio::local::stream_protocol;

    /// Replaces the socket file that a dead instance left. `failed`: another instance answers there, the path
    /// cannot be made, or others could put another file there.
    static Result<AdminSocket> listen(asio::any_io_executor executor, const std::string& path);

    AdminSocket(AdminSocket&& other) noexcept;
    AdminSocket& operator=(AdminSocket&&) = delete;
    ~AdminSocket() override;

    ListenerKind door() const override { return ListenerKind::unix_socket; }
    Task<Socket> accept() override;

private:
    AdminSocket(Protocol::acceptor acceptor, std::string path, std::string made);

    Protocol::acceptor acceptor_;
    std::string path_;  ///< empty: moved from
    std::string made_;  ///< the directory that we made; empty: none
    ino_t inode_ = 0;   ///< of the file, so that a successor's is left alone
};

/// Removes the socket `path` that a killed instance left, and its directory if nothing else is in it. False:
/// there is none, a process listens, or it cannot be removed.
bool remove_dead_socket(const std::string& path);

/// Removes the admin sockets under /run/reseat of instances named PREFIX + PID whose process is gone.
void remove_sockets_left_behind(const std::string& prefix);

/// 0 when a process accepts connections at `path`, else the errno: ENOENT, EACCES, ECONNREFUSED...
int cannot_connect(const std::string& path);
bool is_listening(const std::string& path);

/// The process at the other end of the connected `descriptor`, as our PID namespace shows it.
std::optional<pid_t> peer_process(int descriptor);

/// True when the peer of the connected `descriptor` is root or our own user.
bool peer_is_trusted(int descriptor);

/// Where the admin socket of `instance` is: /run/reseat/INSTANCE/admin.sock.
std::string default_admin_socket(const std::string& instance);

}  // namespace reseat::proxy
