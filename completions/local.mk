# Installed under the command's own name, by which bash-completion finds it.
nodist_bashcompletion_DATA = %D%/spillway
EXTRA_DIST += %D%/spillway.bash
CLEANFILES += %D%/spillway
%D%/spillway: %D%/spillway.bash
	$(AM_V_GEN)$(MKDIR_P) $(@D) && cp $(srcdir)/%D%/spillway.bash $@
