// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/page.hpp"

#include <openssl/evp.h>

#include <array>

namespace reseat::proxy {
namespace {

/// "'sha256-...'", as Content Security Policy Level 3 names a script that may run.
std::string source_of(std::string_view script) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_Digest(script.data(), script.size(), digest.data(), &size, EVP_sha256(), nullptr);
    std::array<unsigned char, 2 * EVP_MAX_MD_SIZE> text{};
    const int length = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(size));
    return "'sha256-" + std::string(text.begin(), text.begin() + length) + "'";
}

}  // namespace

std::string page_policy(std::string_view page) {
    constexpr std::string_view opening = "<script>", closing = "</script>";
    std::string scripts;
    for (auto at = page.find(opening); at != page.npos; at = page.find(opening, at)) {
        at += opening.size();
        scripts += " " + source_of(page.substr(at, page.find(closing, at) - at));
    }
    return "default-src 'none'; script-src" + (scripts.empty() ? " 'none'" : scripts) +
           "; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action "
           "'none'; "
           "frame-ancestors 'none'";
}

}  // namespace reseat::proxy
