# A test of a part of the program, in a folder as that of the part: a program %D%/FOLDER/NAME from one file of that name.
# The long ones first.
module_tests = \
  %D%/sim/invariants \
  %D%/live/live \
  %D%/calib/attention-reach \
  %D%/calib/devices \
  %D%/calib/gemm-fit \
  %D%/calib/import \
  %D%/calib/import-aiconfigurator \
  %D%/calib/import-keys \
  %D%/calib/import-versions \
  %D%/calib/import-llmservingsim \
  %D%/calib/keys \
  %D%/calib/keys-layers \
  %D%/calib/moe-fit \
  %D%/calib/profile \
  %D%/calib/launch-spared \
  %D%/calib/profile-cost \
  %D%/calib/roofline \
  %D%/calib/roofline-tables \
  %D%/calib/server-memory \
  %D%/calib/formats \
  %D%/calib/shared-experts \
  %D%/live/weights \
  %D%/models/model \
  %D%/models/model-memory \
  %D%/report/against \
  %D%/report/report \
  %D%/report/results \
  %D%/report/stored \
  %D%/scenario/defaults \
  %D%/sim/executor \
  %D%/sim/group-cache \
  %D%/sim/kv-groups \
  %D%/sim/layerwise \
  %D%/sim/metrics \
  %D%/sim/monotonic \
  %D%/sim/prices \
  %D%/sim/reuse-tree \
  %D%/sim/routers \
  %D%/sim/tier \
  %D%/sim/victim-order \
  %D%/study/validation \
  %D%/traces/numbers \
  %D%/traces/trace-binary \
  %D%/traces/trace-gen \
  %D%/traces/trace-verb \
  %D%/traces/traces
check_PROGRAMS += $(module_tests)

%C%_sim_invariants_SOURCES = %D%/sim/invariants.c %D%/sim/kv_witness.c %D%/sim/kv_witness.h %D%/sim/random_case.c \
  %D%/sim/random_case.h %D%/sim/run_router.c %D%/sim/run_router.h %D%/sim/run_witness.c %D%/sim/run_witness.h
%C%_sim_layerwise_SOURCES = %D%/sim/layerwise.c %D%/sim/random_case.c %D%/sim/random_case.h $(shipped_fixture)
report_fixture = %D%/report/report_fixture.c %D%/report/report_fixture.h
%C%_report_report_SOURCES = %D%/report/report.c $(report_fixture)
%C%_report_results_SOURCES = %D%/report/results.c $(report_fixture)
import_fixture = %D%/calib/import_fixture.c %D%/calib/import_fixture.h
%C%_calib_import_SOURCES = %D%/calib/import.c $(import_fixture)
%C%_calib_import_aiconfigurator_SOURCES = %D%/calib/import-aiconfigurator.c $(import_fixture)
%C%_calib_import_versions_SOURCES = %D%/calib/import-versions.c $(import_fixture)
%C%_calib_keys_SOURCES = %D%/calib/keys.c %D%/calib/add_sample.h
%C%_calib_attention_reach_SOURCES = %D%/calib/attention-reach.c %D%/calib/add_sample.h $(import_fixture)
%C%_calib_moe_fit_SOURCES = %D%/calib/moe-fit.c $(import_fixture)
%C%_calib_import_llmservingsim_SOURCES = %D%/calib/import-llmservingsim.c $(import_fixture)
shipped_fixture = %D%/calib/shipped_fixture.c %D%/calib/shipped_fixture.h
%C%_calib_devices_SOURCES = %D%/calib/devices.c $(shipped_fixture)
%C%_calib_roofline_SOURCES = %D%/calib/roofline.c $(shipped_fixture)
%C%_calib_roofline_tables_SOURCES = %D%/calib/roofline-tables.c $(shipped_fixture)
%C%_calib_shared_experts_SOURCES = %D%/calib/shared-experts.c $(shipped_fixture)
%C%_calib_formats_SOURCES = %D%/calib/formats.c %D%/calib/add_sample.h $(shipped_fixture)
%C%_calib_server_memory_SOURCES = %D%/calib/server-memory.c $(shipped_fixture)
%C%_scenario_defaults_SOURCES = %D%/scenario/defaults.c $(shipped_fixture)
%C%_calib_profile_SOURCES = %D%/calib/profile.c %D%/calib/profile_fixture.c %D%/calib/profile_fixture.h
%C%_calib_launch_spared_SOURCES = %D%/calib/launch-spared.c %D%/calib/known_profile.c %D%/calib/known_profile.h
%C%_calib_profile_cost_SOURCES = %D%/calib/profile-cost.c %D%/calib/known_profile.c %D%/calib/known_profile.h
trace_fixture = %D%/traces/trace_fixture.c %D%/traces/trace_fixture.h
%C%_traces_traces_SOURCES = %D%/traces/traces.c $(trace_fixture)
%C%_traces_trace_binary_SOURCES = %D%/traces/trace-binary.c $(trace_fixture)
%C%_live_live_SOURCES = %D%/live/live.c $(live_cases)

# Calibration
check_PROGRAMS += %D%/calib/calibrate %D%/calib/calibration %D%/calib/calibration-trouble
TESTS += %D%/calib/calibrate %D%/calib/calibration %D%/calib/calibration-trouble
synthetic_device = %D%/calib/synthetic_device.c %D%/calib/synthetic_device.h
%C%_calib_calibrate_SOURCES = %D%/calib/calibrate.c $(synthetic_device)
calibration_fixture = %D%/calib/calibration_fixture.c %D%/calib/calibration_fixture.h $(synthetic_device)
%C%_calib_calibration_SOURCES = %D%/calib/calibration.c $(calibration_fixture)
%C%_calib_calibration_trouble_SOURCES = %D%/calib/calibration-trouble.c $(calibration_fixture)
