// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/kubernetes/list_watch.hpp"

#include "base/url.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace reseat::lb::kubernetes {
namespace {

using namespace std::chrono_literals;
using Fault = SourceRecord::Fault;

constexpr std::size_t kMaxNames = 50;  ///< in a selector; beyond, the whole namespace
constexpr unsigned kPage = 500;        ///< slices in one answer to a list that is not from memory
constexpr Duration kFirstBackOff = 800ms, kLongestBackOff = 30s;
constexpr Duration kGoodFor = 2min;  ///< without a failure: the next one is the first again
constexpr Duration kShortWatch = 1s;
constexpr Duration kListPatience = 60s;
constexpr Duration kNoRights = 30s;

Duration part(Duration whole, double share) {
    return std::chrono::duration_cast<Duration>(whole * share);
}

}  // namespace

ListWatch::ListWatch(Settings settings, std::string position, TimePoint now, double random)
    : settings_(std::move(settings)),
      version_(std::move(position)),
      due_(now),
      hourly_at_(now + part(1h, 0.5 + random)) {}

bool ListWatch::want(std::set<std::string> services, TimePoint now) {
    const bool more = !std::ranges::includes(settings_.services, services);
    settings_.services = std::move(services);
    if (!more) return false;
    list_again("start", false);
    due_ = now;
    return true;
}

void ListWatch::resync(TimePoint now) {
    list_again("operator", true);
    due_ = now;
}

void ListWatch::list_again(std::string reason, bool forget_version) {
    to_list_ = true;
    reason_ = std::move(reason);
    any_version_ |= forget_version;
    ended_by_us_ = true;
    page_.clear();
    pages_.clear();
}

std::string ListWatch::path() const {
    return fmt::format("/apis/discovery.k8s.io/{}/namespaces/{}/endpointslices", beta_ ? "v1beta1" : "v1",
                       percent_encoded(settings_.name_space));
}

std::string ListWatch::selector() const {
    if (settings_.services.size() > kMaxNames) return percent_encoded("kubernetes.io/service-name");
    return percent_encoded(
        fmt::format("kubernetes.io/service-name in ({})", fmt::join(settings_.services, ",")));
}

/// The first time from the API server's memory; later never older than what is known, so that time does not
/// run backwards, not even through another API server.
ListWatch::Request ListWatch::list_request(double) {
    std::string target = path() + "?labelSelector=" + selector();
    if (!page_.empty())
        target += fmt::format("&limit={}&continue={}", kPage, percent_encoded(page_));
    else if (any_version_)
        target += fmt::format("&limit={}", kPage);
    else if (version_.empty())
        target += "&resourceVersion=0";
    else
        target +=
            fmt::format("&resourceVersion={}&resourceVersionMatch=NotOlderThan", percent_encoded(version_));
    return {.target = std::move(target), .is_watch = false, .patience = kListPatience};
}

ListWatch::Request ListWatch::watch_request(TimePoint now, double random) {
    Duration life = 300s + part(300s, random);
    life = std::min(life, std::max<Duration>(hourly_at_ - now, 5s));
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(life);
    return {.target = fmt::format("{}?labelSelector={}&watch=1&resourceVersion={}&allowWatchBookmarks=true"
                                  "&timeoutSeconds={}",
                                  path(), selector(), percent_encoded(version_), seconds.count()),
            .is_watch = true,
            .patience = seconds + 10s};
}

ListWatch::Request ListWatch::take_request(TimePoint now, double random) {
    if (!to_list_ && now >= hourly_at_) list_again("hourly", false);
    if (to_list_ && page_.empty()) {
        if (reason_ == "hourly" || now >= hourly_at_) hourly_at_ = now + part(1h, 0.5 + random);
        relists_.push_back(reason_);
    }
    asked_at_ = now;
    status_ = retry_after_ = 0;
    refusal_ = {};
    went_well_ = false;
    ended_by_us_ = false;
    error_.clear();
    watching_ = !to_list_;
    Request request = to_list_ ? list_request(random) : watch_request(now, random);
    request.fresh_token = std::exchange(read_token_, false);
    return request;
}

ListWatch::Answer ListWatch::on_head(const Head& head) {
    status_ = head.status;
    retry_after_ = head.retry_after;
    if (status_ != 200) return Answer::refused;
    token_read_ = false;
    return watching_ ? Answer::watch : Answer::list;
}

std::set<std::string> ListWatch::on_list(Result<SliceList> list, TimePoint) {
    if (!list) {
        fail(Fault::malformed, list.error().message);
        return {};
    }
    if (list->version.empty()) {
        fail(Fault::malformed, "a list without a resourceVersion");
        return {};
    }
    went_well_ = true;
    std::ranges::move(list->slices, std::back_inserter(pages_));
    version_ = list->version;
    page_ = list->next;
    if (!page_.empty()) return {};
    auto changed = store_.replace(std::exchange(pages_, {}));
    repaired_ |= reason_ == "hourly" && !changed.empty();
    to_list_ = false;
    any_version_ = false;
    if (!std::exchange(synced_, true)) return settings_.services;
    return changed;
}

bool ListWatch::on_line(std::string_view line, std::set<std::string>& changed) {
    auto event = read_watch_event(line);
    if (!event) {
        fail(Fault::malformed, event.error().message);
        return false;
    }
    using Type = WatchEvent::Type;
    static constexpr std::string_view words[] = {"added",    "modified", "deleted",
                                                 "bookmark", "error",    "unknown"};
    events_.emplace_back(words[static_cast<std::size_t>(event->type)]);
    switch (event->type) {
        case Type::added:
        case Type::modified:
            if (!event->slice.changed_at.empty()) changed_at_ = event->slice.changed_at;
            changed.merge(store_.put(std::move(event->slice)));
            break;
        case Type::deleted:
            changed.merge(store_.erase(event->slice.name));
            break;
        case Type::bookmark:
        case Type::unknown:
            break;
        case Type::error:
            if (event->code == 410 || event->reason == "Expired" || event->reason == "Gone") {
                list_again("expired", false);
                went_well_ = true;
            } else {
                fail(Fault::server, event->message.empty() ? "an error without words" : event->message);
            }
            return false;
    }
    if (!event->version.empty()) version_ = event->version;
    went_well_ = true;
    return !ended_by_us_;
}

void ListWatch::on_refusal(std::string_view body) {
    refusal_ = read_status(body);
    if (retry_after_ == 0) retry_after_ = refusal_.retry_after;
}

void ListWatch::fail(Fault fault, std::string why) {
    fault_ = fault;
    error_ = std::move(why);
}

Duration ListWatch::back_off(double random) {
    const Duration doubled = kFirstBackOff * (1U << std::min(failures_, 6U));
    ++failures_;
    return std::min(part(std::min(doubled, kLongestBackOff), 1.0 + random), 2 * kLongestBackOff);
}

/// What a status other than 200 means, with what to do.
void ListWatch::describe_refusal() {
    const std::string said = refusal_.message.empty() ? "" : " (" + refusal_.message + ")";
    switch (status_) {
        case 401:
            return fail(Fault::unauthorized, "401: the token is not accepted" + said);
        case 403: {
            const bool nobody = refusal_.message.find("system:anonymous") != std::string::npos;
            return fail(
                Fault::forbidden,
                nobody ? "403: no token was sent; mount one into the container of reseat"
                       : fmt::format("403: may not {} endpointslices in namespace {}; {}",
                                     watching_ ? "watch" : "list", settings_.name_space, settings_.advice));
        }
        case 404:
            return fail(Fault::server, "404: the server has no EndpointSlices" + said);
        case 429:
            return fail(Fault::throttled, "429: the server asks to wait" + said);
        default:
            return fail(status_ == 503 ? Fault::throttled : Fault::server,
                        fmt::format("{}{}", status_, said));
    }
}

void ListWatch::on_end(const std::string& failure, Fault fault, TimePoint now, double random) {
    if (status_ == 410) {
        // From the server's memory first; where LAST itself is too old, whatever there is.
        if (watching_)
            list_again("expired", false);
        else
            list_again("expired", true);
        fail(Fault::server, "410: what is known is too old");
        due_ = now + (failures_ == 0 ? Duration(0) : back_off(random));
        failures_ = std::max(failures_, 1U);
        error_.clear();
        return;
    }
    if (status_ == 404 && !std::exchange(beta_, !beta_)) {
        due_ = now;
        return;
    }
    if (status_ != 0 && status_ != 200) describe_refusal();
    if (error_.empty() && !failure.empty() && !ended_by_us_) fail(fault, failure);
    if (error_.empty()) {
        const bool is_good = now - good_since_ > kGoodFor;
        if (is_good) failures_ = 0;
        const bool was_watch = watching_;
        if (!was_watch || ended_by_us_) {
            due_ = now;
            if (ended_by_us_ && reason_ == "expired" && now - asked_at_ < kShortWatch)
                due_ = now + back_off(random);
        } else if (now - asked_at_ <= kShortWatch) {
            due_ = now + back_off(random);
        } else {
            due_ = now + part(1s, random);
        }
        return;
    }
    good_since_ = now;
    if (status_ == 401 && !std::exchange(token_read_, true)) {
        read_token_ = true;
        due_ = now;
        return;
    }
    if (status_ == 403) {
        due_ = now + kNoRights;
        return;
    }
    if (watching_ && status_ == 200 && now - asked_at_ > kShortWatch && fault_ != Fault::malformed) {
        due_ = now + part(1s, random);
        return;
    }
    due_ = now + back_off(random);
    if (retry_after_ > 0) due_ = now + std::clamp<Duration>(std::chrono::seconds(retry_after_), 1s, 60s);
    if (!to_list_) return;
    page_.clear();
    pages_.clear();
    if (synced_ && reason_ == "start") reason_ = "error";
}

}  // namespace reseat::lb::kubernetes
