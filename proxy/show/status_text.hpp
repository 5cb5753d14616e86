// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/admin/status.hpp"

#include <string>

/// The status of an instance, as tables for people, `max_width` columns wide (0: as wide as needed).
namespace reseat::proxy {

/// `reseat status`.
std::string status_text(const StatusView& status, SystemTime now, std::size_t max_width, bool colours);

/// `reseat ls`.
std::string services_text(const StatusView& status, SystemTime now, std::size_t max_width, bool colours);

/// `reseat backends`; the reason why one is not up is below it.
std::string backends_text(const std::vector<ServiceView>& services, SystemTime now, std::size_t max_width,
                          bool colours);

/// "3 min", or "-".
std::string age(const std::optional<SystemTime>& since, SystemTime now);

/// "33 %", "0.4 %", "-" for nothing.
std::string percent(double share);

}  // namespace reseat::proxy
