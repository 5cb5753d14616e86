// SPDX-License-Identifier: Apache-2.0
#include "proxy/instance/socket.hpp"

#include "tests/support/catch.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <sys/stat.h>
#include <unistd.h>

using namespace reseat;
using namespace reseat::proxy;
namespace fs = std::filesystem;

namespace {

class Directory {
public:
    Directory() {
        std::string name = (fs::temp_directory_path() / "reseat-unit-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~Directory() { fs::remove_all(path_); }
    const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

unsigned mode_of(const fs::path& path) {
    struct stat about = {};
    return ::stat(path.c_str(), &about) == 0 ? about.st_mode & 07777 : 0;
}

std::string refusal(const fs::path& path) {
    asio::io_context io;
    const auto socket = AdminSocket::listen(io.get_executor(), path);
    return socket ? "" : socket.error().message;
}

}  // namespace

TEST_CASE("the admin socket is ours alone, whatever the umask", "[admin]") {
    const Directory place;
    const auto path = place.path() / "run" / "one" / "admin.sock";
    const mode_t before = ::umask(0);
    asio::io_context io;
    const auto socket = AdminSocket::listen(io.get_executor(), path);
    ::umask(before);
    REQUIRE(socket.has_value());
    CHECK(mode_of(path) == 0600);
    CHECK(mode_of(path.parent_path()) == 0700);
    CHECK(mode_of(path.parent_path().parent_path()) == 0755);
}

TEST_CASE("no socket is made where others could put one of theirs in its place", "[admin]") {
    const Directory place;
    fs::permissions(place.path(), fs::perms::all);
    CHECK_THAT(refusal(place.path() / "admin.sock"), Catch::Contains("is world-writable"));
    fs::permissions(place.path(), fs::perms::all | fs::perms::sticky_bit);
    CHECK(refusal(place.path() / "admin.sock") == "");
}

TEST_CASE("the socket of a killed instance is removed, one that is listened at is not", "[admin]") {
    const Directory place;
    const auto path = place.path() / "one" / "admin.sock";
    CHECK_FALSE(remove_dead_socket(path));
    asio::io_context io;
    {
        const auto socket = AdminSocket::listen(io.get_executor(), path);
        REQUIRE(socket.has_value());
        CHECK_FALSE(remove_dead_socket(path));
        fs::create_hard_link(path, place.path() / "kept");  // as if it had not been removed
    }
    fs::create_directories(path.parent_path());
    fs::rename(place.path() / "kept", path);
    CHECK(remove_dead_socket(path));
    CHECK_FALSE(fs::exists(path.parent_path()));
    std::fclose(std::fopen((place.path() / "file").c_str(), "w"));
    CHECK_FALSE(remove_dead_socket(place.path() / "file"));
}

TEST_CASE("a file that is no socket is left alone, a symbolic link too", "[admin]") {
    const Directory place;
    const auto target = place.path() / "target", link = place.path() / "admin.sock";
    fs::create_symlink(target, link);
    CHECK(refusal(link) != "");
    CHECK(fs::is_symlink(link));
    CHECK_FALSE(fs::exists(target));
}
