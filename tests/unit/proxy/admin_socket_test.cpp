// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/socket.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

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
    struct stat about {};
    return ::stat(path.c_str(), &about) == 0 ? about.st_mode & 07777 : 0;
}

std::string refusal(const fs::path& path) {
    lb::asio::io_context io;
    const auto socket = AdminSocket::listen(io.get_executor(), path);
    return socket ? "" : socket.error().message;
}

}  // namespace

TEST_CASE("the admin socket is ours alone, whatever the umask", "[admin]") {
    const Directory place;
    const auto path = place.path() / "run" / "one" / "admin.sock";
    const mode_t before = ::umask(0);
    lb::asio::io_context io;
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
    CHECK_THAT(refusal(place.path() / "admin.sock"), Catch::Contains("everybody may write"));
    fs::permissions(place.path(), fs::perms::all | fs::perms::sticky_bit);
    CHECK(refusal(place.path() / "admin.sock") == "");
}

TEST_CASE("a file that is no socket is left alone, a symbolic link too", "[admin]") {
    const Directory place;
    const auto target = place.path() / "target", link = place.path() / "admin.sock";
    fs::create_symlink(target, link);
    CHECK(refusal(link) != "");
    CHECK(fs::is_symlink(link));
    CHECK_FALSE(fs::exists(target));
}
