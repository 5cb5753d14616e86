// SPDX-License-Identifier: Apache-2.0
#include "config/text_file.hpp"

#include "base/printable.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace reseat::config {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds pipe_patience{5};

struct Descriptor {
    int fd;
    explicit Descriptor(int number) : fd(number) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
};

std::nullopt_t fail(Diagnostics& out, std::string message) {
    out.error({}, std::move(message));
    return std::nullopt;
}

/// Waits until there is something to read, or the end, before `deadline`.
bool readable(int fd, Clock::time_point deadline) {
    while (true) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
        pollfd wanted{fd, POLLIN, 0};
        const int ready = ::poll(&wanted, 1, static_cast<int>(std::max<long long>(0, left.count())));
        if (ready > 0) return true;
        if (ready == 0 || errno != EINTR) return false;
    }
}

bool is_forbidden(unsigned char c) {
    return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
}

/// YAML ends a line at \r too; yaml-cpp does not, and would take the rest of the file for a comment.
std::string with_plain_newlines(std::string_view bytes) {
    std::string text;
    text.reserve(bytes.size());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (bytes[i] == '\r' && i + 1 < bytes.size() && bytes[i + 1] == '\n') continue;
        text += bytes[i] == '\r' ? '\n' : bytes[i];
    }
    return text;
}

}  // namespace

std::optional<std::string> read_bytes(const std::string& path, std::size_t limit, Diagnostics& out) {
    // Without O_NONBLOCK, opening a pipe would wait for its writer.
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (file.fd < 0) {
        const int why = errno;
        const char* advice = why == EACCES ? "give this user the right to read it" : "check the path";
        return fail(out, fmt::format("cannot be opened: {}; {}", std::strerror(why), advice));
    }
    struct stat status = {};
    if (::fstat(file.fd, &status) != 0)
        return fail(out, fmt::format("cannot be read: {}", std::strerror(errno)));
    if (S_ISDIR(status.st_mode)) return fail(out, "is a directory; name a file in it");
    const bool is_pipe = S_ISFIFO(status.st_mode);
    if (!S_ISREG(status.st_mode) && !is_pipe) return fail(out, "is neither a file nor a pipe; name a file");

    const auto deadline = Clock::now() + pipe_patience;
    std::string bytes;
    std::array<char, 65536> chunk;
    while (bytes.size() <= limit) {
        if (is_pipe && !readable(file.fd, deadline))
            return fail(out, "the pipe was not closed within 5s; check the command that writes to it");
        const auto got = ::read(file.fd, chunk.data(), std::min(chunk.size(), limit + 1 - bytes.size()));
        if (got == 0) break;
        if (got > 0)
            bytes.append(chunk.data(), static_cast<std::size_t>(got));
        else if (errno != EINTR && !(is_pipe && errno == EAGAIN))
            return fail(out, fmt::format("cannot be read: {}; check the path", std::strerror(errno)));
    }
    return bytes;
}

std::optional<std::string> as_text(std::string_view bytes, std::size_t limit, Diagnostics& out) {
    if (bytes.size() > limit)
        return fail(out, fmt::format("is larger than {} MiB; split it over several instances", limit >> 20));
    if (bytes.starts_with("\xff\xfe") || bytes.starts_with("\xfe\xff"))
        return fail(out, "is UTF-16 text; save it as UTF-8");
    if (bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);
    std::string text = with_plain_newlines(bytes);
    if (text.find_first_not_of(" \t\n") == std::string::npos)
        return fail(out, "is empty; start it with 'version: 1' and 'services:'");

    Position at{1, 1};
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t length = utf8_length(std::string_view(text).substr(i, 4));
        const auto byte = static_cast<unsigned char>(text[i]);
        if (length == 0 || is_forbidden(byte)) {
            out.error(at,
                      fmt::format("the file is not text: byte 0x{:02x} here {}; name a YAML file in UTF-8",
                                  byte, length == 0 ? "is not UTF-8" : "is a control character"));
            return std::nullopt;
        }
        at = byte == '\n' ? Position{at.line + 1, 1}
                          : Position{at.line, at.column + static_cast<unsigned>(length)};
        i += length;
    }
    return text;
}

std::string sha256(std::string_view bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned length = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1) return "";
    std::string hex;
    for (unsigned i = 0; i < length; ++i) hex += fmt::format("{:02x}", digest[i]);
    return hex;
}

}  // namespace reseat::config
