// SPDX-License-Identifier: Apache-2.0
#include "proxy/instance/socket.hpp"

#include "proxy/instance/left_behind.hpp"

#include <boost/asio/use_awaitable.hpp>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace reseat::proxy {
namespace {

/// Makes what is missing of `directory`, open to others no further than to be passed, whatever the umask.
int make_parents(const std::filesystem::path& directory) {
    if (directory.empty() || std::filesystem::exists(directory)) return 0;
    if (const int number = make_parents(directory.parent_path())) return number;
    return ::mkdir(directory.c_str(), 0755) == 0 || errno == EEXIST ? 0 : errno;
}

/// Makes the missing directories above `path`: /run/reseat open to all instances' users, the last to this
/// one. Returns the innermost one if it was made.
Result<std::string> make_directory(const std::filesystem::path& path) {
    const auto directory = path.parent_path();
    if (directory.empty() || std::filesystem::exists(directory)) return std::string();
    int number = make_parents(directory.parent_path());
    if (!number && ::mkdir(directory.c_str(), 0700) == 0) return directory.string();
    if (!number) number = errno;
    if (number == EEXIST) return std::string();
    return system_error("cannot create " + directory.string() + " for the admin socket", number);
}

/// A user who can rename files there could have clients connect to another socket.
Result<void> check_directory(const std::filesystem::path& path) {
    const std::string directory = path.has_parent_path() ? path.parent_path().string() : ".";
    struct stat about = {};
    if (::stat(directory.c_str(), &about) != 0) return system_error(directory, errno);
    const bool foreign = about.st_uid != 0 && about.st_uid != ::geteuid();
    const bool open_to_all = (about.st_mode & S_IWOTH) != 0 && (about.st_mode & S_ISVTX) == 0;
    if (!foreign && !open_to_all) return {};
    return Error{ErrorCode::failed, "the admin socket " + path.string() + " would be in a directory that " +
                                        (foreign ? "another user owns" : "is world-writable") +
                                        ": choose another directory, or fix the owner and mode of this one"};
}

Error cannot_listen(const std::string& path, int number) {
    return system_error("cannot listen on the admin socket " + path, number);
}

ino_t inode_of(const std::string& path) {
    struct stat entry = {};
    return ::stat(path.c_str(), &entry) == 0 ? entry.st_ino : 0;
}

/// Removes a socket file without a listener; anything that is not a socket stays.
Result<void> clear_the_way(const std::string& path) {
    struct stat entry = {};
    if (::lstat(path.c_str(), &entry) != 0) return {};
    if (!S_ISSOCK(entry.st_mode)) return cannot_listen(path, EEXIST);
    if (is_listening(path))
        return Error{ErrorCode::failed, "the admin socket " + path +
                                            " is in use by another instance: stop that one, or give this one "
                                            "another name with --instance"};
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return cannot_listen(path, errno);
    return {};
}

}  // namespace

Result<AdminSocket> AdminSocket::listen(asio::any_io_executor executor, const std::string& path) {
    if (path.size() >= sizeof(sockaddr_un::sun_path)) return cannot_listen(path, ENAMETOOLONG);
    const auto made = make_directory(path);
    if (!made) return made.error();
    if (const auto safe = check_directory(path); !safe) return safe.error();
    if (const auto clear = clear_the_way(path); !clear) return clear.error();

    boost::system::error_code failure;
    Protocol::acceptor acceptor(std::move(executor));
    acceptor.open(Protocol(), failure);
    // Set before bind(), so that the file never exists with another mode (unix(7): the socket's mode counts).
    if (!failure && ::fchmod(acceptor.native_handle(), 0600) != 0) return cannot_listen(path, errno);
    if (!failure) acceptor.bind(Protocol::endpoint(path), failure);
    if (!failure) acceptor.listen(asio::socket_base::max_listen_connections, failure);
    if (failure) return cannot_listen(path, failure.value());
    return AdminSocket(std::move(acceptor), path, *made);
}

AdminSocket::AdminSocket(Protocol::acceptor acceptor, std::string path, std::string made)
    : acceptor_(std::move(acceptor)),
      path_(std::move(path)),
      made_(std::move(made)),
      inode_(inode_of(path_)) {}

AdminSocket::AdminSocket(AdminSocket&& other) noexcept
    : acceptor_(std::move(other.acceptor_)),
      path_(std::exchange(other.path_, {})),
      made_(std::exchange(other.made_, {})),
      inode_(other.inode_) {}

AdminSocket::~AdminSocket() {
    if (path_.empty()) return;
    if (inode_of(path_) == inode_) ::unlink(path_.c_str());
    // An instance's directory may have been made by an earlier one of its name, that was killed.
    const auto directory = std::filesystem::path(path_).parent_path();
    if (made_.empty() && directory.parent_path() != "/run/reseat") return;
    ::rmdir(directory.c_str());
    ::rmdir(directory.parent_path().c_str());  // only when the last instance leaves
}

Task<Listener::Socket> AdminSocket::accept() {
    co_return co_await acceptor_.async_accept(asio::use_awaitable);
}

bool remove_dead_socket(const std::string& path) {
    struct stat entry = {};
    if (::lstat(path.c_str(), &entry) != 0 || !S_ISSOCK(entry.st_mode)) return false;
    if (cannot_connect(path) != ECONNREFUSED || ::unlink(path.c_str()) != 0) return false;
    ::rmdir(std::filesystem::path(path).parent_path().c_str());
    return true;
}

void remove_sockets_left_behind(const std::string& prefix) {
    for (const auto& directory : left_behind("/run/reseat", prefix)) {
        remove_dead_socket(directory / "admin.sock");
        ::rmdir(directory.c_str());
    }
}

int cannot_connect(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
    std::memcpy(address.sun_path, path.data(), path.size());
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return errno;
    const bool connected = ::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    const int why = connected || errno == EAGAIN ? 0 : errno;  // EAGAIN: its backlog is full
    ::close(descriptor);
    return why;
}

bool is_listening(const std::string& path) {
    return cannot_connect(path) == 0;
}

std::optional<pid_t> peer_process(int descriptor) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 0)
        return std::nullopt;
    return peer.pid;
}

bool peer_is_trusted(int descriptor) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
    return peer.uid == 0 || peer.uid == ::geteuid();
}

std::string default_admin_socket(const std::string& instance) {
    return "/run/reseat/" + instance + "/admin.sock";
}

}  // namespace reseat::proxy
