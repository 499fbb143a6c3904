#include "agent/cli/unified_diff.h"

#include <fmt/core.h>

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "agent/cli/text.h"
#include "gna/base/utf8.h"

namespace gna::cli {
namespace {

using Lines = std::vector<std::string_view>;

Lines split(std::string_view text) {
  Lines out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto length = end == std::string_view::npos ? text.size() : end + 1;
    out.push_back(text.substr(0, length));  // with its line feed, so that a missing one at the end differs
    text.remove_prefix(length);
  }
  return out;
}

enum class Edit : char { keep = ' ', remove = '-', add = '+' };

// The edits of a shortest script, or nullopt beyond the bound. What each round began with is kept, as
// the path is found backwards: memory grows with the square of the edits, never with the text.
std::optional<std::vector<Edit>> shortest_edits(const std::vector<int>& a, const std::vector<int>& b,
                                                std::size_t bound) {
  const int n = static_cast<int>(a.size()), m = static_cast<int>(b.size());
  const int most = std::min(n + m, static_cast<int>(bound));
  // The furthest x on each diagonal k = x - y; V[k] is v[k + most + 1].
  std::vector<int> v(2 * static_cast<std::size_t>(most) + 3, 0);
  // A negative k wraps around, and back with the sum.
  const auto index = [&](int k) { return static_cast<std::size_t>(k) + static_cast<std::size_t>(most) + 1; };
  std::vector<std::vector<int>> began_with;  // of round d: V[-d] to V[d]
  // The diagonal that round d comes from: one more line added (k + 1), or removed (k - 1).
  const auto comes_from = [](int k, int d, auto furthest) {
    return k == -d || (k != d && furthest(k - 1) < furthest(k + 1)) ? k + 1 : k - 1;
  };
  int found = -1;
  for (int d = 0; d <= most && found < 0; ++d) {
    began_with.emplace_back(v.begin() + static_cast<long>(index(-d)), v.begin() + static_cast<long>(index(d)) + 1);
    for (int k = -d; k <= d; k += 2) {
      const int from = comes_from(k, d, [&](int i) { return v[index(i)]; });
      int x = v[index(from)] + (from < k ? 1 : 0);
      while (x < n && x - k < m && a[static_cast<std::size_t>(x)] == b[static_cast<std::size_t>(x - k)]) ++x;
      v[index(k)] = x;
      if (x >= n && x - k >= m) {
        found = d;
        break;
      }
    }
  }
  if (found < 0) return std::nullopt;

  std::vector<Edit> edits;
  int x = n, y = m;
  for (int d = found; d > 0; --d) {
    const auto furthest = [&](int k) {
      return began_with[static_cast<std::size_t>(d)].at(static_cast<std::size_t>(k) + static_cast<std::size_t>(d));
    };
    const int from = comes_from(x - y, d, furthest);
    const int from_x = furthest(from), from_y = from_x - from;
    for (; x > from_x && y > from_y; --x, --y) edits.push_back(Edit::keep);
    if (x == from_x) {
      edits.push_back(Edit::add);
      --y;
    } else {
      edits.push_back(Edit::remove);
      --x;
    }
  }
  edits.insert(edits.end(), static_cast<std::size_t>(x), Edit::keep);
  std::ranges::reverse(edits);
  return edits;
}

std::vector<Edit> edits_of(const Lines& before, const Lines& after, std::size_t bound) {
  std::size_t head = 0;
  while (head < before.size() && head < after.size() && before[head] == after[head]) ++head;
  std::size_t tail = 0;
  while (tail < before.size() - head && tail < after.size() - head &&
         before[before.size() - 1 - tail] == after[after.size() - 1 - tail])
    ++tail;
  // Lines as numbers: compared often, and only for equality.
  std::unordered_map<std::string_view, int> numbers;
  const auto number = [&](const Lines& lines) {
    std::vector<int> out;
    for (auto i = head; i < lines.size() - tail; ++i)
      out.push_back(numbers.try_emplace(lines[i], static_cast<int>(numbers.size())).first->second);
    return out;
  };
  const auto a = number(before), b = number(after);
  std::vector<Edit> out(head, Edit::keep);
  if (const auto middle = shortest_edits(a, b, bound)) {
    out.insert(out.end(), middle->begin(), middle->end());
  } else {
    out.insert(out.end(), a.size(), Edit::remove);
    out.insert(out.end(), b.size(), Edit::add);
  }
  out.insert(out.end(), tail, Edit::keep);
  return out;
}

std::string range(std::size_t start, std::size_t count) {
  // diff -u: an empty range names the line before it.
  const auto first = count == 0 ? start : start + 1;
  return count == 1 ? fmt::format("{}", first) : fmt::format("{},{}", first, count);
}

}  // namespace

bool is_binary(std::string_view bytes) { return bytes.find('\0') != std::string_view::npos || !is_utf8(bytes); }

std::string unified_diff(std::string_view before, std::string_view after, const DiffLimits& limits) {
  if (before == after) return {};
  const auto a = split(before), b = split(after);
  const auto edits = edits_of(a, b, limits.edits);

  std::string out;
  std::size_t printed = 0, left_out = 0;
  const auto print = [&](const std::string& line) {
    if (printed == limits.output_lines) {
      ++left_out;
      return;
    }
    ++printed;
    out += line;
    out += '\n';
  };
  std::size_t x = 0, y = 0;  // lines of a and b before edits[i]
  for (std::size_t i = 0; i < edits.size();) {
    if (edits[i] == Edit::keep) {
      ++i, ++x, ++y;
      continue;
    }
    // A hunk: from `context` lines before here to the last edit that is no further than twice
    // the context from the one before it.
    std::size_t end = i, last = i;
    for (; end < edits.size() && end - last <= 2 * limits.context; ++end)
      if (edits[end] != Edit::keep) last = end;
    end = std::min(last + 1 + limits.context, edits.size());
    const auto lead = std::min({limits.context, i, x, y});
    const auto begin = i - lead;
    std::size_t hx = x - lead, hy = y - lead;
    const auto removed =
        std::count(edits.begin() + static_cast<long>(begin), edits.begin() + static_cast<long>(end), Edit::remove);
    const auto added =
        std::count(edits.begin() + static_cast<long>(begin), edits.begin() + static_cast<long>(end), Edit::add);
    const auto size = end - begin;
    print("@@ -" + range(hx, size - static_cast<std::size_t>(added)) + " +" +
          range(hy, size - static_cast<std::size_t>(removed)) + " @@");
    for (auto e = begin; e < end; ++e) {
      auto line = edits[e] == Edit::add ? b[hy] : a[hx];
      if (edits[e] != Edit::add) ++hx;
      if (edits[e] != Edit::remove) ++hy;
      const bool ended = line.ends_with('\n');
      if (ended) line.remove_suffix(1);
      // Tabs stay: they are text. Everything else that could steer a terminal does not.
      print(static_cast<char>(edits[e]) + printable(line, true));
      if (!ended) print("\\ No newline at end of file");
    }
    x = hx, y = hy, i = end;
  }
  if (left_out > 0) out += fmt::format("... {} more line{}\n", left_out, left_out == 1 ? "" : "s");
  return out;
}

}  // namespace gna::cli
