// One fuzz target per parser: bytes in, and nothing may come out but a value or bigmac::Error.
//
// The ordinary tests replay the corpus through these functions (replay_test.cpp); libFuzzer runs
// one of them at a time (libfuzzer.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bigmac::fuzz {

/// Says whether the parser accepted the bytes: swallows bigmac::Error, lets anything else escape.
using Target = bool (*)(const std::uint8_t* data, std::size_t size);

bool json(const std::uint8_t* data, std::size_t size);           ///< parse_json, and every reader on every value
bool model(const std::uint8_t* data, std::size_t size);          ///< parse_model
bool cluster(const std::uint8_t* data, std::size_t size);        ///< parse_cluster
bool job(const std::uint8_t* data, std::size_t size);            ///< parse_job
bool schedule(const std::uint8_t* data, std::size_t size);       ///< parse_schedule
bool plan_file(const std::uint8_t* data, std::size_t size);      ///< read_plan_file, and what trainers load of it
bool recording(const std::uint8_t* data, std::size_t size);      ///< read_trace, and a replay of what was read
bool kineto(const std::uint8_t* data, std::size_t size);         ///< read_kineto, joins, and a replay
bool nsys(const std::uint8_t* data, std::size_t size);           ///< read_nsys_image, and a replay
bool snapshot(const std::uint8_t* data, std::size_t size);       ///< parse_memory_snapshot
bool journal(const std::uint8_t* data, std::size_t size);        ///< read_journal
bool cupti(const std::uint8_t* data, std::size_t size);          ///< decode_buffer, and the lines it makes
bool layer_memory(const std::uint8_t* data, std::size_t size);   ///< add_layer_memory
bool layout(const std::uint8_t* data, std::size_t size);         ///< parse_megatron_layout
bool arguments(const std::uint8_t* data, std::size_t size);      ///< parse_arguments
bool configuration(const std::uint8_t* data, std::size_t size);  ///< parse_configuration
bool accuracy_case(const std::uint8_t* data, std::size_t size);  ///< accuracy::parse_group
bool measured_csv(const std::uint8_t* data, std::size_t size);   ///< accuracy::parse_csv

struct NamedTarget {
  std::string name;  ///< also the folder of its seeds, corpus/<name>
  Target run;
};

/// All of the above.
std::vector<NamedTarget> targets();

}  // namespace bigmac::fuzz
