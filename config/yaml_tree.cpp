// SPDX-License-Identifier: Apache-2.0
#include "config/yaml_tree.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <unordered_map>

namespace reseat::config {
namespace {

/// Ends the parse from inside a callback; the reason has been reported.
struct Stop {};

Position position_of(const YAML::Mark& mark) {
    if (mark.is_null()) return {};
    return {static_cast<unsigned>(mark.line) + 1, static_cast<unsigned>(mark.column) + 1};
}

/// Events, not YAML::Load: its node graph accepts duplicate keys and aliases that contain themselves.
class TreeBuilder : public YAML::EventHandler {
public:
    explicit TreeBuilder(Diagnostics& out) : out_(out) {}

    Node take() { return std::move(root_); }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (documents_++ == 0) return;
        out_.error(position_of(mark),
                   "a second YAML document starts here; a file holds one: "
                   "remove it, or correct the indentation of this line");
        throw Stop{};
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        add(begin(Node::Kind::null, mark, "", anchor));
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        refuse_anchor(position_of(mark), "aliases ('*name')");
        add(begin(Node::Kind::null, mark, "", 0));
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        Node node = begin(Node::Kind::scalar, mark, tag, anchor);
        node.plain = tag == "?";
        node.text = value;
        add(std::move(node));
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(begin(Node::Kind::sequence, mark, tag, anchor));
    }
    void OnSequenceEnd() override { close(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(begin(Node::Kind::map, mark, tag, anchor));
    }
    void OnMapEnd() override { close(); }

private:
    struct Open {
        Node node;
        bool has_key = false;     ///< the next node is a value
        bool drop_value = false;  ///< ... of a key that is not usable
        std::unordered_map<std::string, Position> seen;
    };

    void refuse_anchor(Position at, std::string_view what) {
        out_.error(at, fmt::format("{} are not supported; write the value out, or put what services "
                                   "share under 'defaults'",
                                   what));
    }

    Node begin(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
        Node node;
        node.kind = kind;
        node.at = position_of(mark);
        if (anchor != 0) refuse_anchor(node.at, "anchors ('&name')");
        if (!tag.empty() && tag != "?" && tag != "!")
            out_.error(node.at, fmt::format("the tag {} is not supported; remove it", quote(tag)));
        if (++nodes_ > max_nodes) {
            out_.error(node.at, fmt::format("the file has more than {} values; make it smaller", max_nodes));
            throw Stop{};
        }
        return node;
    }

    void open(Node node) {
        if (open_.size() >= max_depth) {
            out_.error(node.at, fmt::format("lists and maps are nested deeper than {}; no option needs that",
                                            max_depth));
            throw Stop{};
        }
        open_.push_back({std::move(node), false, false, {}});
    }

    void close() {
        Node done = std::move(open_.back().node);
        open_.pop_back();
        add(std::move(done));
    }

    void add(Node node) {
        if (open_.empty()) {
            root_ = std::move(node);
            return;
        }
        Open& parent = open_.back();
        if (parent.node.kind == Node::Kind::sequence) {
            parent.node.items.push_back(std::move(node));
        } else if (!parent.has_key) {
            add_key(parent, std::move(node));
        } else {
            parent.has_key = false;
            if (!parent.drop_value) parent.node.items.push_back(std::move(node));
        }
    }

    void add_key(Open& map, Node key) {
        map.has_key = true;
        map.drop_value = true;
        if (key.kind != Node::Kind::scalar) {
            out_.error(key.at, "a key must be a word followed by ': '");
            return;
        }
        const auto [first, is_new] = map.seen.emplace(key.text, key.at);
        if (!is_new) {
            out_.error(key.at, fmt::format("the key {} is there twice, first on line {}; remove one",
                                           quote(key.text), first->second.line));
            return;
        }
        map.drop_value = false;
        map.node.keys.push_back({std::move(key.text), key.at});
    }

    Diagnostics& out_;
    Node root_;
    std::vector<Open> open_;
    std::size_t nodes_ = 0;
    unsigned documents_ = 0;
};

/// yaml-cpp names the rule that was broken; people need to know what to do.
std::string_view advice_for(std::string_view message) {
    using namespace YAML::ErrorMsg;
    if (message == END_OF_SEQ_FLOW) return "a ']' or a ',' is missing in a list";
    if (message == END_OF_MAP_FLOW) return "a '}' or a ',' is missing in a map";
    if (message == FLOW_END) return "a ']' or '}' has no partner";
    if (message == EOF_IN_SCALAR) return "a quote is not closed";
    if (message == TAB_IN_INDENTATION) return "indent with spaces, not with tabs";
    if (message == UNKNOWN_TOKEN) return "put quotes around text that starts with a special character";
    if (message == INVALID_ESCAPE)
        return "write \\\\ for a backslash within double quotes, or use single quotes";
    if (message == UNKNOWN_ANCHOR || message == ALIAS_NOT_FOUND)
        return "put quotes around text that starts with '*'";
    return "check the indentation, and put quotes around text that contains ': ' or ' #'";
}

}  // namespace

const Node* Node::find(std::string_view key) const {
    const auto found = std::ranges::find(keys, key, [](const auto& k) { return std::string_view(k.value); });
    return found == keys.end() ? nullptr : &items[static_cast<std::size_t>(found - keys.begin())];
}

std::optional<Node> parse_yaml(const std::string& text, Diagnostics& out) {
    std::istringstream stream(text);
    TreeBuilder builder(out);
    try {
        YAML::Parser parser(stream);
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (const Stop&) {
        return std::nullopt;
    } catch (const YAML::Exception& broken) {
        out.error(position_of(broken.mark),
                  fmt::format("not valid YAML: {}; {}", broken.msg, advice_for(broken.msg)));
        return std::nullopt;
    }
    return builder.take();
}

}  // namespace reseat::config
