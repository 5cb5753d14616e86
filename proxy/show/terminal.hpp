// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace reseat::proxy {

/// Prints "reseat: MESSAGE" as one line on stderr; returns the process's exit status for it.
int fail(const Error& error);

/// Sends what was printed to stdout, and `text`, on its way. False: that failed, now or before; written()
/// says so.
bool write_out(std::string_view text = {});

/// Flushes stdout. Returns `status` if all that was printed to it has been written, otherwise the status of a
/// failure, which it reports as fail() does; that a pipe's reader has gone is no news to anybody.
int written(int status);

enum class Colour { none, good, bad, warning, dim };

/// True when colours make sense on stdout: a terminal, and neither NO_COLOR nor TERM=dumb.
bool use_colours();

/// Columns of the terminal on stdout, at least 40; 0 when stdout is no terminal.
std::size_t terminal_width();

/// `text` in `colour`, if `colours`.
std::string paint(std::string_view text, Colour colour, bool colours);

struct Cell {
    std::string text;
    Colour colour = Colour::none;

    Cell(std::string t, Colour c = Colour::none) : text(std::move(t)), colour(c) {}
    Cell(const char* t) : text(t) {}
};

struct Column {
    std::string title;
    bool right = false;       ///< numbers
    bool shrinkable = false;  ///< may lose its end where the terminal is too narrow
};

/// Rows under titles, two spaces between columns.
class Table {
public:
    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    /// One cell for each column.
    void add(std::vector<Cell> row) { rows_.push_back({std::move(row), {}}); }
    /// A line of its own below the row that was added last, indented.
    void note(std::string text) { rows_.back().note = std::move(text); }

    /// Lines that fit `max_width` columns (0: no limit) as far as the shrinkable columns allow.
    std::string render(std::size_t max_width, bool colours) const;

private:
    struct Row {
        std::vector<Cell> cells;
        std::string note;
    };

    std::vector<std::size_t> widths(std::size_t max_width) const;

    std::vector<Column> columns_;
    std::vector<Row> rows_;
};

}  // namespace reseat::proxy
