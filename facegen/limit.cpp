// What the benchmark's picture costs at the least: one sweep by hand over vertices and faces, eight
// samples at a time, gray values drawn as they come. It keeps no faces, so that there is nothing to
// differentiate, and it leaves cracks where rounding does.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

constexpr int kSpan = 8;
typedef float Span __attribute__((vector_size(4 * kSpan)));
typedef int32_t Mask __attribute__((vector_size(4 * kSpan)));
typedef float Four __attribute__((vector_size(16)));

struct View {
    float distance, focal, centre, light[3], ambient, background;
};

// What a picture needs is kept for the next one. near: 1 / z of what a sample sees, 0 at first;
// shade: its gray value over z. A span may begin at a row's last sample.
struct Memory {
    std::vector<Four> normals, places;
    std::vector<float> near, shade;
    std::vector<int32_t> drawn;
};

template <typename Vector>
Vector load(const float* from) {
    Vector found;
    std::memcpy(&found, from, sizeof found);
    return found;
}

template <typename Vector>
void store(float* to, Vector vector) {
    std::memcpy(to, &vector, sizeof vector);
}

Four point(const float* v) { return Four{v[0], v[1], v[2], 0}; }

Four turned(Four v) { return Four{v[1], v[2], v[0], v[3]}; }

float least(float a, float b, float c) { return std::fmin(a, std::fmin(b, c)); }
float most(float a, float b, float c) { return std::fmax(a, std::fmax(b, c)); }

// Sums of face normals, twice the area each; the fourth numbers mean nothing.
void add_normals(const float* vertices, const int32_t* faces, int face_count, Four* normals) {
    for (int face = 0; face < face_count; ++face) {
        const int32_t* corner = faces + 3 * face;
        const Four a = point(vertices + 3 * corner[0]);
        const Four ab = point(vertices + 3 * corner[1]) - a;
        const Four ac = point(vertices + 3 * corner[2]) - a;
        const Four normal = turned(ab * turned(ac) - turned(ab) * ac);
        for (int k = 0; k < 3; ++k) normals[corner[k]] += normal;
    }
}

// Places: x and y in samples, 1 / z, and gray over z.
void see(const float* vertices, int vertex_count, const View& view, Memory& memory) {
    const float* light = view.light;
    for (int v = 0; v < vertex_count; ++v) {
        const float x = vertices[3 * v], y = vertices[3 * v + 1], z = vertices[3 * v + 2];
        const float inverse = 1 / (view.distance - z), scale = view.focal * inverse;
        const float* n = reinterpret_cast<const float*>(&memory.normals[v]);
        const float along = n[0] * light[0] + n[1] * light[1] + n[2] * light[2];
        const float length = std::sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2] + 1e-20f);
        const float gray = view.ambient + std::fmax(along, 0.f) / length;
        memory.places[v] = Four{view.centre + x * scale, view.centre - y * scale, inverse,
                                gray * inverse};
    }
}

// The faces that look this way and have a sample's centre in their box.
int sieve(const int32_t* faces, int face_count, float last, const Four* places, int32_t* drawn) {
    const float* place = reinterpret_cast<const float*>(places);
    int count = 0;
    for (int face = 0; face < face_count; ++face) {
        const int a = 4 * faces[3 * face], b = 4 * faces[3 * face + 1], c = 4 * faces[3 * face + 2];
        const float ax = place[a], bx = place[b], cx = place[c];
        const float ay = place[a + 1], by = place[b + 1], cy = place[c + 1];
        const float left = std::fmax(std::ceil(least(ax, bx, cx) - .5f), 0.f);
        const float right = std::fmin(std::floor(most(ax, bx, cx) - .5f), last);
        const float top = std::fmax(std::ceil(least(ay, by, cy) - .5f), 0.f);
        const float bottom = std::fmin(std::floor(most(ay, by, cy) - .5f), last);
        const bool outward = (cx - ax) * (by - ay) > (bx - ax) * (cy - ay);
        drawn[count] = face;
        count += outward & (left <= right) & (top <= bottom);
    }
    return count;
}

void draw_face(Four a, Four b, Four c, int size, int stride, float* near, float* shade) {
    Span steps;
    for (int k = 0; k < kSpan; ++k) steps[k] = k;
    const int left = std::fmax(least(a[0], b[0], c[0]) + .5f, 0.f);
    const int right = std::fmin(most(a[0], b[0], c[0]) + .5f, size);
    const int top = std::fmax(least(a[1], b[1], c[1]) + .5f, 0.f);
    const int bottom = std::fmin(most(a[1], b[1], c[1]) + .5f, size);
    const float x = left + .5f, y = top + .5f;
    const float ax = a[0] - x, bx = b[0] - x, cx = c[0] - x;
    const float ay = a[1] - y, by = b[1] - y, cy = c[1] - y;
    const float scale = 1 / ((cx - ax) * (by - ay) - (bx - ax) * (cy - ay));
    // The corners' shares of the first sample, and what they grow by to the right and down.
    const float wa = (cx * by - bx * cy) * scale, wb = (ax * cy - cx * ay) * scale;
    const float wc = (bx * ay - ax * by) * scale;
    const float right_a = (cy - by) * scale, right_b = (ay - cy) * scale;
    const float right_c = (by - ay) * scale;
    const float down_a = (bx - cx) * scale, down_b = (cx - ax) * scale, down_c = (ax - bx) * scale;
    const Four first = wa * a + wb * b + wc * c;
    const Four across = right_a * a + right_b * b + right_c * c;
    const Four down = down_a * a + down_b * b + down_c * c;
    for (int row = top; row < bottom; ++row) {
        for (int column = left; column < right; column += kSpan) {
            const Span i = steps + static_cast<float>(column - left);
            const float j = row - top;
            const Span share_a = (wa + down_a * j) + right_a * i;
            const Span share_b = (wb + down_b * j) + right_b * i;
            const Span share_c = (wc + down_c * j) + right_c * i;
            const Span z = (first[2] + down[2] * j) + across[2] * i;
            const Span gray = (first[3] + down[3] * j) + across[3] * i;
            float *seen_z = near + row * stride + column, *seen = shade + row * stride + column;
            const Span before = load<Span>(seen_z), shown = load<Span>(seen);
            const Mask is_new =
                (share_a >= 0) & (share_b >= 0) & (share_c >= 0) & (z > before);
            store(seen_z, is_new ? z : before);
            store(seen, is_new ? gray : shown);
        }
    }
}

}  // namespace

// Vertices (vertex, 3), mm in the camera's frame; faces
// (face, 3), counter-clockwise from outside; picture (size, size).
extern "C" void draw(const float* vertices, int vertex_count, const int32_t* faces, int face_count,
                     int size, const View* view, float* picture) {
    static Memory memory;
    const int stride = size + kSpan;
    memory.normals.assign(vertex_count, Four{});
    memory.places.resize(vertex_count);
    memory.near.assign(size * stride, 0);
    memory.shade.resize(size * stride);
    memory.drawn.resize(face_count + 1);
    add_normals(vertices, faces, face_count, memory.normals.data());
    see(vertices, vertex_count, *view, memory);
    const Four* place = memory.places.data();
    const int count = sieve(faces, face_count, size - 1, place, memory.drawn.data());
    for (int m = 0; m < count; ++m) {
        const int32_t* corner = faces + 3 * memory.drawn[m];
        draw_face(place[corner[0]], place[corner[1]], place[corner[2]], size, stride,
                  memory.near.data(), memory.shade.data());
    }
    for (int row = 0; row < size; ++row) {
        for (int column = 0; column < size; ++column) {
            const int at = row * stride + column;
            const float z = memory.near[at];
            picture[row * size + column] = z > 0 ? memory.shade[at] / z : view->background;
        }
    }
}
