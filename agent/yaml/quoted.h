// Quoted scalars read from the text itself.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace gna::yaml {

// The value of the quoted scalar that begins at `node`, at its anchor or tag if it has one, where line
// breaks precede its closing quote; nullopt for every other scalar.
//
// yaml-cpp 0.7 keeps one of such breaks at most. It reads all else right, and has read this before:
// escapes are known to be good.
std::optional<std::string> ending_in_breaks(std::string_view text, std::size_t node);

// Does the text end within the quoted scalar that begins at `node`? yaml-cpp 0.7 takes it where a line
// break comes last.
bool is_cut_off(std::string_view text, std::size_t node);

}  // namespace gna::yaml
