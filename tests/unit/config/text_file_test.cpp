// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/config/support.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace reseat::config {
namespace {

/// A directory of this test's own, removed with all that is in it.
struct Directory {
    std::filesystem::path path;
    Directory() {
        std::string name = (std::filesystem::temp_directory_path() / "reseat-config-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()));
        path = name;
    }
    ~Directory() { std::filesystem::remove_all(path); }

    std::string file(std::string_view content) const {
        const auto name = (path / "f.yaml").string();
        std::ofstream(name, std::ios::binary) << content;
        return name;
    }
};

/// The one diagnostic of loading `path`, as people see it, with `path` as F.
std::string fault_of_file(const std::string& path) {
    const auto outcome = load_file(path);
    REQUIRE_FALSE(outcome);
    REQUIRE(outcome.faults.size() == 1);
    auto line = to_string(outcome.faults[0]);
    REQUIRE(line.starts_with(path));
    return "F" + line.substr(path.size());
}

TEST_CASE("a file that is not there is one clear error [E38]", "[config]") {
    const Directory directory;
    CHECK(fault_of_file(directory.path / "no.yaml") ==
          "F: error: cannot be opened: No such file or directory; check the path");
}

TEST_CASE("a directory is not taken for a file [E38]", "[config]") {
    const Directory directory;
    CHECK(fault_of_file(directory.path) == "F: error: is a directory; name a file in it");
}

TEST_CASE("a device is not read [E38]", "[config]") {
    CHECK(fault_of_file("/dev/zero") == "F: error: is neither a file nor a pipe; name a file");
}

TEST_CASE("a file that may not be read says so [E38]", "[config]") {
    const Directory directory;
    const auto name = directory.file(plain_service);
    chmod(name.c_str(), 0);
    const uid_t before = geteuid();
    if (before == 0) REQUIRE(seteuid(65534) == 0);  // root may read everything
    const auto fault = fault_of_file(name);
    REQUIRE(seteuid(before) == 0);
    // As nobody, even the test's own directory is closed: the fault is the same.
    CHECK(fault == "F: error: cannot be opened: Permission denied; give this user the right to read it");
}

TEST_CASE("an empty file, blank lines and bare comments are all called empty [E38]", "[config]") {
    const Directory directory;
    for (const auto* text : {"", "\n \n\t\n", "# nothing\n", "---\n", "\xef\xbb\xbf", "---\n...\n"})
        CHECK(fault_of_file(directory.file(text)) ==
              "F: error: is empty; start it with 'version: 1' and 'services:'");
}

TEST_CASE("a file of more than 4 MiB is refused without being read to its end [E38]", "[config]") {
    const Directory directory;
    const auto name = directory.file("version: 1\n");
    std::filesystem::resize_file(name, 100ULL << 30);  // sparse: takes no room
    CHECK(fault_of_file(name) == "F: error: is larger than 4 MiB; split it over several instances");
    CHECK(
        load(plain_service + std::string(max_file_size - plain_service.size(), '#')).model.services.size() ==
        1);
}

TEST_CASE("bytes that are not text are an error with their position [E38]", "[config]") {
    using namespace std::string_literals;
    CHECK(
        faults_of("version: 1\nlog: \0x"s) ==
        Lines{"2:6 the file is not text: byte 0x00 here is a control character; name a YAML file in UTF-8"});
    CHECK(
        faults_of("\x7f"
                  "ELF\2\1\1") ==
        Lines{"1:1 the file is not text: byte 0x7f here is a control character; name a YAML file in UTF-8"});
    CHECK(faults_of("# a\n# \xc3\x28\n") ==
          Lines{"2:3 the file is not text: byte 0xc3 here is not UTF-8; name a YAML file in UTF-8"});
    // yaml-cpp would take byte 4 for the end of the file and leave out the rest.
    CHECK(
        faults_of(plain_service + "\x04\nnonsense: 1\n") ==
        Lines{"6:1 the file is not text: byte 0x04 here is a control character; name a YAML file in UTF-8"});
    CHECK(faults_of("\xff\xfev\0"s) == Lines{"0:0 is UTF-16 text; save it as UTF-8"});
    for (const auto* bad :
         {"\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\xaf", "\x80", "\xf0\x9f\x98"})
        CHECK(faults_of(bad).size() == 1);
}

TEST_CASE("a byte order mark and the line ends of other systems change nothing [E38]", "[config]") {
    for (const std::string end : {"\n", "\r\n", "\r"}) {
        std::string text = "\xef\xbb\xbf# \xe2\x82\xac\n" + plain_service + "    oops: 1\n";
        for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += end.size())
            text.replace(at, 1, end);
        const auto faults = faults_of(text);
        REQUIRE(faults.size() == 1);
        CHECK_THAT(faults[0], Catch::StartsWith("7:5 unknown key 'oops'"));
    }
}

TEST_CASE("a pipe is read to its end", "[config]") {
    const Directory directory;
    const auto name = (directory.path / "pipe").string();
    REQUIRE(mkfifo(name.c_str(), 0600) == 0);
    const int keep_open = ::open(name.c_str(), O_RDWR);  // neither side waits for the other
    REQUIRE(keep_open >= 0);
    REQUIRE(::write(keep_open, plain_service.data(), plain_service.size()) > 0);
    std::thread closer([&] {
        // The reader has its end open once it has taken the bytes out.
        for (int waiting = 1; waiting > 0;) REQUIRE(::ioctl(keep_open, FIONREAD, &waiting) == 0);
        ::close(keep_open);
    });
    const auto outcome = load_file(name);
    closer.join();
    CHECK(outcome);
}

TEST_CASE("the digest is of the bytes as they are in the file", "[config]") {
    CHECK(load("version: 1\nservices: []\n").sha256 ==
          "fa884fdfa71abcec3b54f065bef8b4b68c0fbf37d1c6e04294890c1d9753af39");
    CHECK(load("version: 1\r\nservices: []\n").sha256 != load("version: 1\nservices: []\n").sha256);
}

}  // namespace
}  // namespace reseat::config
