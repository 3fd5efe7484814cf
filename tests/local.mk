# What is tested by running the program: scripts, each of which prints TAP, in folders by what they hold. Tests of parts are in
# unit/, of kernels in kernels/, of what fails around the program in faults/, of readers' inputs in fuzz/.
script_tests = \
  %D%/cli.py \
  %D%/outputs.py \
  %D%/strides.py \
  %D%/cli/bad-options.py \
  %D%/cli/bad-outputs.py \
  %D%/cli/bench-client.py \
  %D%/cli/deployment.py \
  %D%/cli/notes.py \
  %D%/engines/copies.py \
  %D%/engines/disk.py \
  %D%/engines/front-end.py \
  %D%/engines/graphs.py \
  %D%/engines/layerwise.py \
  %D%/engines/limits.py \
  %D%/engines/page.py \
  %D%/engines/instances.py \
  %D%/engines/parallel.py \
  %D%/engines/policies.py \
  %D%/engines/release.py \
  %D%/engines/states.py \
  %D%/engines/trtllm.py \
  %D%/engines/windows.py \
  %D%/live/live.py \
  %D%/live/replay.py \
  %D%/published/accuracy.py \
  %D%/published/copies.py \
  %D%/published/memory.py \
  %D%/published/reports.py \
  %D%/published/starts.py \
  %D%/random/fuzz.py \
  %D%/random/monotonic.py \
  %D%/random/plain.py \
  %D%/random/relations.py \
  %D%/random/rules.py \
  %D%/random/scenarios.py \
  %D%/random/studies.py \
  %D%/random/verbs.py \
  %D%/reading/bad-files.py \
  %D%/reading/bad-traces.py \
  %D%/reading/checkpoints.py \
  %D%/reading/doubts.py \
  %D%/reading/families.py \
  %D%/reading/kinds.py \
  %D%/reading/forms.py \
  %D%/reading/profile.py \
  %D%/reading/sessions.py \
  %D%/reading/traces.py \
  %D%/report/bare-pages.py \
  %D%/report/database.py \
  %D%/report/explain.py \
  %D%/report/perfetto.py \
  %D%/report/report.py \
  %D%/report/told.py \
  %D%/study/servers.py \
  %D%/study/sweep.py
# Studies and validations, whose runs are those of other tests: these see what is made of them.
composed_tests = \
  %D%/study/poster.py \
  %D%/study/capacity.py \
  %D%/study/regret.py \
  %D%/study/policies.py \
  %D%/live/validate.py
# What looks at the tree, or at other programs, and asks little of this one: no other build's is another.
tree_tests = \
  %D%/arrows.sh \
  %D%/package/bootstrap.sh \
  %D%/package/completion.sh \
  %D%/package/dependencies.py \
  %D%/package/distribution.sh \
  %D%/package/gpu-day.sh \
  %D%/package/gpu-day-loan.sh \
  %D%/package/man.sh \
  %D%/package/notebook.py
# The long ones, the kernels' and those of faults, stand before these, and tests of parts behind, which are short but for the
# first: so nobody waits for one at the end.
TESTS += $(composed_tests) $(tree_tests) $(script_tests) $(module_tests)
EXTRA_DIST += $(composed_tests) $(script_tests) $(tree_tests) %D%/package/bare-debian %D%/package/gpu-day-fakes.sh %D%/package/own-tmpdir %D%/package/without-cuda.sh %D%/package/without-python
# Modules of Python that tests of several folders share are here, others beside their users.
EXTRA_DIST += \
  %D%/browser.py \
  %D%/recount.py \
  %D%/recount_memory.py \
  %D%/spillway_test.py \
  %D%/engines/sglang-0.5.23.jsonl \
  %D%/live/live_fixture.py \
  %D%/live/plain_decoder.py \
  %D%/random/plain_engine.py \
  %D%/random/random_words.py \
  %D%/random/sglang_engine.py \
  %D%/random/trtllm_engine.py \
  %D%/random/vllm_engine.py
# And of C.
EXTRA_DIST += %D%/scenarios.h
