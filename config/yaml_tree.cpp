// SPDX-License-Identifier: Apache-2.0
#include "config/yaml_tree.hpp"

#include "base/endpoint.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <unordered_map>

namespace reseat::config {
namespace {

constexpr std::string_view binary_tag = "tag:yaml.org,2002:binary";
constexpr std::string_view quote_ipv6 = "put quotes around an IPv6 address: \"[fd00::1]:80\"";

/// Ends the parse from inside a callback; the reason has been reported.
struct Stop {};

Position position_of(const YAML::Mark& mark) {
    if (mark.is_null()) return {};
    return {static_cast<unsigned>(mark.line) + 1, static_cast<unsigned>(mark.column) + 1};
}

/// yaml-cpp keeps every token of a bracketed list or map in memory until its end, 100 times the text;
/// a file with so many brackets and commas has too many values whatever else it holds.
bool has_too_many_brackets(std::string_view text, Diagnostics& out) {
    constexpr std::size_t most = 2 * max_nodes;
    std::size_t count = 0;
    Position at{1, 1};
    for (const char c : text) {
        if (std::string_view("[]{},").find(c) != std::string_view::npos && ++count > most) {
            out.error(at,
                      fmt::format("the file has more than {} brackets and commas; make it smaller", most));
            return true;
        }
        at = c == '\n' ? Position{at.line + 1, 1} : Position{at.line, at.column + 1};
    }
    return false;
}

/// Where the '-' of an empty list item is: yaml-cpp gives the position of what follows it, `end`.
Position empty_item(std::string_view text, std::size_t end, Position at_end) {
    const Position otherwise = at_end;
    for (Position at = at_end; at.line > 0; --at.line) {
        const auto start = text.substr(0, end).rfind('\n') + 1;  // 0 where there is none
        auto line = text.substr(start, end - start);
        line = line.substr(0, line.starts_with('#') ? 0 : line.find(" #"));
        const auto last = line.find_last_not_of(" \t");
        if (last != std::string_view::npos)
            return line[last] == '-' ? Position{at.line, static_cast<unsigned>(last) + 1} : otherwise;
        if (start == 0) break;
        end = start - 1;
    }
    return otherwise;
}

bool is_high(char hex_digit) {
    return std::string_view("89abcdefABCDEF").find(hex_digit) != std::string_view::npos;
}

/// Whether the text in double quotes that starts at `position` has an escape from \x80 to \xff.
bool has_byte_escape(std::string_view text, int position) {
    const auto start = static_cast<std::size_t>(std::max(0, position));
    if (start >= text.size() || text[start] != '"') return false;
    for (std::size_t i = start + 1; i + 2 < text.size() && text[i] != '"'; ++i) {
        if (text[i] != '\\') continue;
        if (text[++i] == 'x' && is_high(text[i + 1])) return true;
    }
    return false;
}

/// Events, not YAML::Load: its node graph accepts duplicate keys and aliases that contain themselves.
class TreeBuilder : public YAML::EventHandler {
public:
    TreeBuilder(const std::string& text, Diagnostics& out) : text_(text), out_(out) {}

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
        Node node = begin(Node::Kind::null, mark, "", anchor);
        if (!open_.empty() && open_.back().node.kind == Node::Kind::sequence)
            node.at = empty_item(text_, static_cast<std::size_t>(mark.pos), node.at);
        add(std::move(node));
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        refuse_anchor(position_of(mark), "aliases ('*name')");
        add(begin(Node::Kind::null, mark, "", 0));
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        Node node = begin(Node::Kind::scalar, mark, tag, anchor);
        node.plain = tag != "!";
        node.has_byte_escape = !node.plain && has_byte_escape(text_, mark.pos);
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
        if (tag == binary_tag)
            out_.error(node.at,
                       "the tag !!binary is not supported; write bytes in hexadecimal: {hex: \"a4 00 ff\"}");
        else if (!tag.empty() && tag != "?" && tag != "!")
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
            // The mark of a value that is not there is that of whatever comes next.
            if (node.kind == Node::Kind::null && !parent.drop_value) node.at = parent.node.keys.back().at;
            if (!parent.drop_value) parent.node.items.push_back(std::move(node));
        }
    }

    void add_key(Open& map, Node key) {
        map.has_key = true;
        map.drop_value = true;
        if (key.kind != Node::Kind::scalar) {
            const bool is_list = key.kind == Node::Kind::sequence && key.items.size() == 1;
            const bool is_ipv6 = is_list && parse_address(key.items.front().text);
            out_.error(key.at, is_ipv6 ? quote_ipv6 : "a key must be a word followed by ': '");
            return;
        }
        const auto [first, is_new] = map.seen.emplace(key.text, key.at);
        if (!is_new) {
            out_.error(key.at, fmt::format("the key {} occurs twice, first on line {}; remove one",
                                           quote(key.text), first->second.line));
            return;
        }
        map.drop_value = false;
        map.node.keys.push_back({std::move(key.text), key.at});
    }

    const std::string& text_;
    Diagnostics& out_;
    Node root_;
    std::vector<Open> open_;
    std::size_t nodes_ = 0;
    unsigned documents_ = 0;
};

std::string_view line_of(std::string_view text, int position) {
    const auto at = std::min(text.size(), static_cast<std::size_t>(std::max(0, position)));
    const auto start = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;  // 0 where there is none
    return text.substr(start, text.find('\n', start) - start);
}

/// "[fd00::1]:" outside of quotes, which YAML takes for a list.
bool has_bare_ipv6(std::string_view line) {
    for (auto open = line.find('['); open != std::string_view::npos; open = line.find('[', open + 1)) {
        const auto close = line.find_first_not_of("0123456789abcdefABCDEF:.", open + 1);
        if (close == std::string_view::npos || !line.substr(close).starts_with("]:")) continue;
        const bool quoted = open > 0 && (line[open - 1] == '"' || line[open - 1] == '\'');
        if (!quoted && line.substr(open, close - open).find(':') != std::string_view::npos) return true;
    }
    return false;
}

/// yaml-cpp names the rule that was broken; people need to know what to do.
std::string_view advice_for(std::string_view message, std::string_view line) {
    if (line.substr(0, line.find_first_not_of(" \t")).find('\t') != std::string_view::npos)
        return "indent with spaces, not with tabs";
    if (has_bare_ipv6(line)) return quote_ipv6;
    using namespace YAML::ErrorMsg;
    if (message == END_OF_SEQ_FLOW) return "a ']' or a ',' is missing in a list";
    if (message == END_OF_MAP_FLOW) return "a '}' or a ',' is missing in a map";
    if (message == FLOW_END) return "a ']' or '}' has no partner";
    if (message == EOF_IN_SCALAR) return "a quote is not closed";
    if (message == UNKNOWN_TOKEN) return "put quotes around text that starts with a special character";
    if (message.starts_with(INVALID_ESCAPE))
        return "write \\\\ for a backslash within double quotes, or use single quotes";
    if (message.starts_with(UNKNOWN_ANCHOR) || message == ALIAS_NOT_FOUND)
        return "put quotes around text that starts with '*'";
    return "check the indentation, and put quotes around text that contains ': ' or ' #'";
}

}  // namespace

const Node* Node::find(std::string_view key) const {
    const auto found = std::ranges::find(keys, key, [](const auto& k) { return std::string_view(k.value); });
    return found == keys.end() ? nullptr : &items[static_cast<std::size_t>(found - keys.begin())];
}

std::optional<Node> parse_yaml(const std::string& text, Diagnostics& out) {
    if (has_too_many_brackets(text, out)) return std::nullopt;
    std::istringstream stream(text);
    TreeBuilder builder(text, out);
    try {
        YAML::Parser parser(stream);
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (const Stop&) {
        return std::nullopt;
    } catch (const YAML::Exception& broken) {
        out.error(position_of(broken.mark),
                  fmt::format("not valid YAML: {}; {}", broken.msg,
                              advice_for(broken.msg, line_of(text, broken.mark.pos))));
        return std::nullopt;
    }
    return builder.take();
}

}  // namespace reseat::config
