// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/discovery/kubernetes/slice_store.hpp"
#include "lb/discovery/source_record.hpp"

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace reseat::lb::kubernetes {

/// What a server's answer begins with.
struct Head {
    unsigned status = 0;
    unsigned retry_after = 0;  ///< seconds; 0: not said
};

/// Follows the EndpointSlices of one namespace: lists them, then watches, and lists again where that is
/// needed. No I/O, no clock: step it by hand.
///
/// The caller makes one request at a time: at due() it sends take_request() and brings what comes back:
/// on_head(), then for a list on_list() with the whole body, for a watch on_line() with each whole line, and
/// on_end() at the end, in whichever way the request ended. An answer to which on_head() returns `refused`
/// has its body brought by on_refusal() before on_end().
class ListWatch {
public:
    struct Settings {
        std::string name_space;
        std::set<std::string> services;  ///< of which something is wanted
        std::string advice;  ///< what to do where rights are missing: "apply what \"reseat rbac\" prints"
    };
    struct Request {
        std::string target;  ///< path and query
        bool is_watch = false;
        Duration patience{};       ///< the whole request takes no longer
        bool fresh_token = false;  ///< the token is read anew
    };
    enum class Answer { list, watch, refused };

    /// `position`: the resourceVersion that a previous process had; empty: none. `random` in [0, 1).
    ListWatch(Settings settings, std::string position, TimePoint now, double random);

    /// Other services are wanted; true when what was heard so far is not enough, and a list is due at once.
    bool want(std::set<std::string> services, TimePoint now);
    /// All is listed again at once, whatever version the server has.
    void resync(TimePoint now);

    TimePoint due() const { return due_; }
    Request take_request(TimePoint now, double random);

    Answer on_head(const Head& head);
    /// Returns the Services of which something changed.
    std::set<std::string> on_list(Result<SliceList> list, TimePoint now);
    /// False: the connection is to be closed.
    bool on_line(std::string_view line, std::set<std::string>& changed);
    void on_refusal(std::string_view body);
    /// The answer is over; `failure`: it never came, or broke off, for people; empty: it ended as it should.
    void on_end(const std::string& failure, SourceRecord::Fault fault, TimePoint now, double random);

    const SliceStore& store() const { return store_; }
    /// It was listed once.
    bool synced() const { return synced_; }
    const std::string& version() const { return version_; }

    /// What went wrong with the last request; empty: nothing.
    const std::string& error() const { return error_; }
    SourceRecord::Fault fault() const { return fault_; }
    /// What came since the last call, for the counters: kinds of events, reasons of lists.
    std::vector<std::string> take_events() { return std::exchange(events_, {}); }
    std::vector<std::string> take_relists() { return std::exchange(relists_, {}); }
    /// The hourly list found what no event had said.
    bool take_repaired() { return std::exchange(repaired_, false); }
    /// When the endpoints of the last change changed, as the server says; empty: it does not say.
    std::string take_changed_at() { return std::exchange(changed_at_, {}); }

private:
    std::string path() const;
    std::string selector() const;
    Request list_request(double random);
    Request watch_request(TimePoint now, double random);
    void list_again(std::string reason, bool forget_version);
    void fail(SourceRecord::Fault fault, std::string why);
    Duration back_off(double random);
    void describe_refusal();

    Settings settings_;
    SliceStore store_;
    std::string version_;  ///< of what is known; opaque
    std::string page_;     ///< of the list under way: the token of its next page
    std::vector<Slice> pages_;
    bool beta_ = false;  ///< the server knows v1beta1 only
    bool synced_ = false;
    bool to_list_ = true;
    bool any_version_ = false;  ///< LAST itself is too old for this server
    bool watching_ = false;
    bool ended_by_us_ = false;      ///< a list is wanted in place of the watch under way
    std::string reason_ = "start";  ///< of the list that is due
    TimePoint due_;
    TimePoint asked_at_{};
    TimePoint hourly_at_{};
    TimePoint good_since_{};
    unsigned failures_ = 0;
    bool token_read_ = false;
    bool read_token_ = false;
    unsigned status_ = 0;
    unsigned retry_after_ = 0;
    Status refusal_;
    std::string error_;
    SourceRecord::Fault fault_ = SourceRecord::Fault::failed;
    bool went_well_ = false;
    std::vector<std::string> events_, relists_;
    bool repaired_ = false;
    std::string changed_at_;
};

}  // namespace reseat::lb::kubernetes
