// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/state_file.hpp"

#include "proxy/discovery/http_get.hpp"
#include "tests/support/catch.hpp"

#include <filesystem>
#include <fstream>

#include <unistd.h>

using namespace reseat;
using namespace reseat::proxy;
namespace fs = std::filesystem;

namespace {

struct Directory {
    fs::path path = fs::temp_directory_path() / ("reseat-state-" + std::to_string(::getpid()));
    Directory() { fs::create_directory(path); }
    ~Directory() { fs::remove_all(path); }
};

const std::vector<lb::Remembered> kKnown = {{"web", Protocol::tcp, "file /a", "", {}, {}}};

}  // namespace

TEST_CASE("what sources said is replaced by rename and read by the next process [F17]", "[state_file]") {
    const Directory directory;
    const std::string file = directory.path / "endpoints.json";
    CHECK(read_state_file(file).empty());
    for (int i = 0; i < 2; ++i) REQUIRE(write_state_file(file, lb::write_remembered(kKnown)).has_value());
    CHECK((read_state_file(file) == kKnown));
    CHECK((fs::status(file).permissions() & fs::perms::all) ==
          (fs::perms::owner_read | fs::perms::owner_write));
    CHECK_FALSE(write_state_file(directory.path / "none/endpoints.json", "").has_value());
}

TEST_CASE("a state file that is a link, a directory, damaged or writable by others is ignored [F18]",
          "[state_file]") {
    const Directory directory;
    const fs::path good = directory.path / "good", link = directory.path / "link";
    REQUIRE(write_state_file(good, lb::write_remembered(kKnown)).has_value());
    fs::create_symlink(good, link);
    CHECK(read_state_file(link).empty());
    CHECK(read_state_file(directory.path).empty());
    fs::permissions(good, fs::perms::others_write, fs::perm_options::add);
    CHECK(read_state_file(good).empty());
    fs::permissions(good, fs::perms::others_write, fs::perm_options::remove);
    CHECK_FALSE(read_state_file(good).empty());
    std::ofstream(good, std::ios::app) << "x";
    CHECK(read_state_file(good).empty());
}

TEST_CASE("URLs of sources in parts", "[http_get]") {
    const auto url = parse_url("https://[fd00::1]:9902/a?b=c");
    REQUIRE(url.has_value());
    CHECK(url->tls);
    CHECK(url->host == "fd00::1");
    CHECK(url->port == 9902);
    CHECK(url->target == "/a?b=c");
    CHECK(parse_url("https://relay.internal")->port == 443);
    CHECK(parse_url("http://127.0.0.1/")->port == 80);
    for (const auto* text : {"", "ftp://x", "https://", "https://x:0/", "https://x:99999/", "https://a b/",
                             "https://[::1/", "https://user@x/", "https://x/\r\nHost: y"})
        CHECK_FALSE(parse_url(text).has_value());
}
