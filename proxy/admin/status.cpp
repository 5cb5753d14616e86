// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/status.hpp"

#include "base/nearest_word.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

namespace reseat::proxy {

std::string ServiceView::title() const {
    return is_half ? fmt::format("{} ({})", name, protocol) : name;
}

std::string ServiceView::title(const BackendView& backend) const {
    const std::string both = name + "/" + backend.name;
    return is_half ? fmt::format("{} ({})", both, protocol) : both;
}

void share_out(std::vector<BackendView>& backends) {
    std::array<double, 2> sums{};
    for (const BackendView& one : backends) sums[is_v6(one)] += one.effective_weight;
    for (BackendView& one : backends)
        one.share = sums[is_v6(one)] > 0 ? one.effective_weight / sums[is_v6(one)] : 0;
}

std::string owner(const ServiceAddressView& address, const ServiceView& service) {
    return address.service == service.name ? "this very service" : "the service " + address.service;
}

StatusView read_status(const boost::json::object& status) {
    StatusView view;
    read_json(status, view);
    (void)status.at("services");  // without them it is something else
    std::map<std::string_view, std::size_t> times;
    for (const ServiceView& service : view.services) ++times[service.name];
    for (ServiceView& service : view.services) {
        service.is_half = times[service.name] > 1;
        // An older instance does not tell shares.
        if (std::ranges::none_of(service.backends, &BackendView::serves)) share_out(service.backends);
    }
    return view;
}

Result<std::vector<ServiceView>> services_called(const StatusView& status, const std::string& name) {
    std::vector<ServiceView> found;
    std::vector<std::string_view> names;
    for (const ServiceView& service : status.services) {
        names.push_back(service.name);
        if (name.empty() || service.name == name) found.push_back(service);
    }
    if (!found.empty() || name.empty()) return found;
    return Error{ErrorCode::failed,
                 fmt::format("no service '{}'{}", name, did_you_mean_one_of(name, std::move(names)))};
}

bool is_v6(const BackendView& backend) {
    return backend.address.starts_with('[');
}

}  // namespace reseat::proxy
