# What can stand where is told by one script, which is put into each shell's file. Installed under the names by which the
# shells find them.
nodist_bashcompletion_DATA = %D%/spillway
nodist_zshcompletion_DATA = %D%/_spillway
nodist_fishcompletion_DATA = %D%/spillway.fish
completion_files = $(nodist_bashcompletion_DATA) $(nodist_zshcompletion_DATA) $(nodist_fishcompletion_DATA)
completion_words = $(srcdir)/%D%/words.sh
EXTRA_DIST += %D%/words.sh %D%/spillway.bash.in %D%/spillway.zsh.in %D%/spillway.fish.in
CLEANFILES += $(completion_files)

%D%/spillway: %D%/spillway.bash.in %D%/words.sh
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	sed -e '/^@WORDS@$$/{r $(completion_words)' -e 'd;}' $(srcdir)/%D%/spillway.bash.in >$@
%D%/_spillway: %D%/spillway.zsh.in %D%/words.sh
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	sed -e '/^@WORDS@$$/{r $(completion_words)' -e 'd;}' $(srcdir)/%D%/spillway.zsh.in >$@
# Fish has no text in place: within its quotes, quotes and backslashes take a backslash.
%D%/spillway.fish: %D%/spillway.fish.in %D%/words.sh
	$(AM_V_GEN)$(MKDIR_P) $(@D) && { \
	  sed -n -e '/@WORDS@/{s/@WORDS@.*//p;q;}' -e p $(srcdir)/%D%/spillway.fish.in && \
	  sed 's/[\\'\'']/\\&/g' $(completion_words) && \
	  sed -n '/@WORDS@/,$${s/.*@WORDS@//;p;}' $(srcdir)/%D%/spillway.fish.in; } >$@
