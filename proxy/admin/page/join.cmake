# SPDX-License-Identifier: Apache-2.0
# Puts what index.html links to into it, and the whole into a C++ file:
# cmake -DFROM=DIRECTORY -DTO=FILE -P join.cmake
cmake_minimum_required(VERSION 3.25)
file(READ ${FROM}/index.html page)
string(REGEX MATCHALL "<link rel=\"stylesheet\" href=\"[a-z]+.css\">|<script src=\"[a-z]+.js\"></script>" links "${page}")
foreach(link IN LISTS links)
  string(REGEX MATCH "[a-z]+\\.(css|js)" name "${link}")
  file(READ ${FROM}/${name} text)
  if(CMAKE_MATCH_1 STREQUAL css)
    string(REPLACE "${link}" "<style>\n${text}</style>" page "${page}")
  else()
    string(REPLACE "${link}" "<script>\n${text}</script>" page "${page}")
  endif()
endforeach()
file(WRITE ${TO} "// Made by join.cmake of proxy/admin/page.
#include \"proxy/admin/page.hpp\"

namespace reseat::proxy {

std::string_view status_page() {
    return R\"page(${page})page\";
}

}  // namespace reseat::proxy
")
