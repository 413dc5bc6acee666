// The precompiled headers of the tests belong to this program (cmake/Testing.cmake).
int main() {
  return 0;
}
