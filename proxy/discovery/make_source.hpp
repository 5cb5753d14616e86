// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/discovery/source.hpp"

#include <memory>
#include <string>

namespace reseat::proxy {

/// `ref` as the first reference of a source of its kind. `position`: of a previous process.
std::unique_ptr<Source> make_source(const lb::SourceRef& ref, const SourceMeans& means, std::string position,
                                    Source::Changed changed);

}  // namespace reseat::proxy
