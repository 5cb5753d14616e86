# SPDX-License-Identifier: Apache-2.0
# What is installed besides the binary, and the Debian package of it all.
include(GNUInstallDirs)
set(here ${CMAKE_CURRENT_LIST_DIR})
set(doc ${CMAKE_INSTALL_DATADIR}/doc/reseat)
install(FILES ${here}/systemd/reseat.service ${here}/systemd/reseat@.service DESTINATION lib/systemd/system)
install(FILES ${CMAKE_SOURCE_DIR}/config/example.yaml ${here}/prometheus-rules.yaml ${here}/seccomp.json
  DESTINATION ${doc}/examples)
install(FILES ${here}/debian/copyright DESTINATION ${doc})
install(FILES ${here}/debian/lintian-overrides DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides RENAME reseat)
install(DIRECTORY DESTINATION /etc/reseat)
# Manual pages, as Debian wants them.
install(CODE [[
  file(GLOB pages "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/share/man/man*/*.[1-9]")
  if(pages)
    execute_process(COMMAND gzip -9nf ${pages} COMMAND_ERROR_IS_FATAL ANY)
  endif()
]])

string(TIMESTAMP RESEAT_DATE "%a, %d %b %Y %H:%M:%S +0000" UTC)
configure_file(${here}/debian/changelog.in ${CMAKE_BINARY_DIR}/changelog @ONLY)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/changelog.gz DEPENDS ${CMAKE_BINARY_DIR}/changelog
  COMMAND gzip -9nc ${CMAKE_BINARY_DIR}/changelog > ${CMAKE_BINARY_DIR}/changelog.gz VERBATIM)
add_custom_target(debian_changelog ALL DEPENDS ${CMAKE_BINARY_DIR}/changelog.gz)
install(FILES ${CMAKE_BINARY_DIR}/changelog.gz DESTINATION ${doc})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_SOURCE_DIR}/build)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_CONTACT "The reseat authors <reseat@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "load balancer inside connect(), beside one workload")
set(CPACK_PACKAGE_DESCRIPTION "A connect to a service address goes straight to a live backend, with no
proxy in the path. reseat health-checks the backends itself; when one dies,
the clients that hang on it are told at once and reconnect, and connected
UDP sockets move to a live backend.")
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${here}/debian/postinst ${here}/debian/prerm ${here}/debian/postrm)
include(CPack)
