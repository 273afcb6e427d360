//! Only tests: OpenSSL and our endpoint in one process. Needs the headers of OpenSSL.
