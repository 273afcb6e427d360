"""Runs our programs over DTLS beside other makes and says who disagrees.

Usage: programs_judge.py TARGET [WORD...], as dtls_judge.py. Ends with "N passed, N failed, N skipped".
"""

import sys

import dtls
import rows

if __name__ == "__main__":
    TARGET = sys.argv[1]
    FOLDER = dtls.credentials(TARGET)
    import client_rows
    import program_rows

    kinds = {kind: kind(TARGET, FOLDER) for kind in dtls.FOREIGN}
    kinds |= {kind: kind() for kind in (program_rows.LibCoap, program_rows.TinyDtls)}
    sys.exit(rows.run("programs", kinds, sys.argv[2:]))
