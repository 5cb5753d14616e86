# SPDX-License-Identifier: Apache-2.0
"""An authority of the test's own, and what it signs, made by the openssl command."""
from process import run


class Authority:
    def __init__(self, directory):
        self.directory = directory
        directory.mkdir()
        self.certificate, self.key = directory / "ca.pem", directory / "ca-key.pem"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=reseat e2e authority", "-keyout", self.key, "-out", self.certificate)

    def issue(self, name, alternatives):
        """(certificate, key) for `alternatives`, as in "DNS:web.test,IP:10.0.0.1"."""
        request, certificate, key = (self.directory / f"{name}{end}" for end in (".csr", ".pem", "-key.pem"))
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", key, "-out", request)
        extensions = self.directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternatives}\n")
        run("openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
            "-days", "2", "-extfile", extensions, "-out", certificate)
        return certificate, key
